network "office" {
  cidrs = ["192.0.2.0/24", "2001:db8:1::/48"]
}

network "guest-wifi" {
  cidrs   = ["192.168.50.0/24"]
  seen_as = ["198.51.100.20/32"]
}

network "lte" {
  cidrs = ["198.51.96.0/22", "2001:db8:17e::/48"]
}

network "vpc" {
  cidrs = ["10.0.0.0/16"]
}

security_group "web" {
  ingress {
    ports = [80, 443]
    from  = [network.office]
  }
}

security_group "inner" {
  ingress {
    ports = [80]
    from  = [network.vpc]
  }
}

security_group "app" {
  ingress {
    ports = [3000, 8080]
    from  = [security_group.web, security_group.inner]
  }
}

certificate "shop" {
  development = true
  names       = ["shop.example", "*.shop.example"]
}

certificate "other" {
  development = true
  names       = ["other.example"]
}

instance "web" {
  addresses       = ["10.0.1.5"]
  security_groups = [security_group.app]
  serves          = [3000, 8080]

  application "front" {
    port    = 3000
    answers = 200
  }

  application "api" {
    port    = 8080
    answers = 200
  }
}

target_group "front" {
  targets = ["instance.web:3000"]
}

target_group "api" {
  targets = ["instance.web:8080"]
}

load_balancer "edge" {
  addresses       = ["203.0.113.10", "2001:db8:2::10"]
  security_groups = [security_group.web]

  listener "http" {
    port = 80

    default {
      redirect {
        protocol = "HTTPS"
        port     = "443"
      }
    }
  }

  listener "https" {
    port         = 443
    protocol     = "HTTPS"
    certificates = [certificate.shop]

    rule "products" {
      path    = ["/products/*"]
      forward = target_group.api
    }

    rule "posts" {
      method  = ["POST"]
      path    = ["/orders"]
      forward = target_group.api
    }

    rule "old" {
      host = ["old.shop.example"]

      redirect {
        host = "shop.example"
      }
    }

    rule "gone" {
      path = ["/gone"]

      fixed_response {
        status = 410
      }
    }

    default {
      forward = target_group.front
    }
  }
}

load_balancer "inner" {
  scheme          = "internal"
  addresses       = ["10.0.0.20"]
  security_groups = [security_group.inner]

  listener "http" {
    port = 80

    default {
      forward = target_group.api
    }
  }
}

record "shop.example" {
  alias = load_balancer.edge
}

record "old.shop.example" {
  alias = load_balancer.edge
}

record "other.example" {
  alias = load_balancer.edge
}

record "api.internal" {
  alias      = load_balancer.inner
  visible_to = [network.vpc]
}

page "shop" {
  url          = "https://shop.example/"
  calls        = ["https://shop.example/products/2"]
  server_calls = ["http://api.internal/products/1"]
  rendered_by  = instance.web
}

expect "the office gets in" {
  url    = "https://shop.example/"
  works  = [network.office]
  denied = [network.lte, internet]
}
