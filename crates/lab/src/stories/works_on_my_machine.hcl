network "office" {
  cidrs = ["198.51.100.0/24"]
}

network "guest-wifi" {
  cidrs = ["192.0.2.0/24"]
}

network "lte" {
  cidrs = ["198.18.7.0/24"]
}

network "vpc" {
  cidrs = ["10.0.0.0/16"]
}

security_group "www" {
  ingress {
    ports = [443]
    from  = [anywhere]
  }
}

security_group "edge" {
  ingress {
    ports = [443]
    from  = [network.office]
  }
}

security_group "inner" {
  ingress {
    ports = [80]
    from  = [network.vpc]
  }
}

security_group "web" {
  ingress {
    ports = [3000, 8080]
    from  = [security_group.www, security_group.edge, security_group.inner]
  }
}

certificate "shop" {
  development = true
  names       = ["shop.example", "*.shop.example"]
}

instance "web" {
  addresses       = ["10.0.1.5"]
  security_groups = [security_group.web]
  serves          = [3000, 8080]

  application "shop" {
    port    = 3000
    answers = 200
  }

  application "api" {
    port    = 8080
    answers = 200
    cors    = ["https://shop.example"]
  }
}

target_group "shop" {
  targets = ["instance.web:3000"]

  health_check {
    interval = "1s"
    timeout  = "1s"
  }
}

target_group "api" {
  targets = ["instance.web:8080"]

  health_check {
    interval = "1s"
    timeout  = "1s"
  }
}

load_balancer "www" {
  addresses       = ["203.0.113.10"]
  security_groups = [security_group.www]

  listener "https" {
    port         = 443
    protocol     = "HTTPS"
    certificates = [certificate.shop]

    default {
      forward = target_group.shop
    }
  }
}

load_balancer "edge" {
  addresses       = ["203.0.113.20"]
  security_groups = [security_group.edge]

  listener "https" {
    port             = 443
    protocol         = "HTTPS"
    certificates     = [certificate.shop]
    response_headers = { "Access-Control-Allow-Origin" = "https://shop.example" }

    rule "products" {
      path    = ["/products*"]
      forward = target_group.api
    }

    default {
      fixed_response {
        status = 404
      }
    }
  }
}

load_balancer "inner" {
  scheme          = "internal"
  addresses       = ["10.0.9.10"]
  security_groups = [security_group.inner]

  listener "http" {
    port = 80

    default {
      forward = target_group.api
    }
  }
}

record "shop.example" {
  alias = load_balancer.www
}

record "api.shop.example" {
  alias = load_balancer.edge
}

record "api.internal" {
  alias      = load_balancer.inner
  visible_to = [network.vpc]
}

page "shop" {
  url          = "https://shop.example/"
  rendered_by  = instance.web
  server_calls = ["http://api.internal/products?page=1"]
  calls        = ["https://api.shop.example/products?page=2"]
}
