network "office" {
  cidrs = ["192.0.2.0/24"]
}

network "guest-wifi" {
  cidrs   = ["192.168.50.0/24"]
  seen_as = ["198.51.100.20/32"]
}

network "lte" {
  cidrs = ["2001:db8:17e::/48"]
}

load_balancer "pages" {
  addresses       = ["203.0.113.10", "2001:db8:2::10"]
  security_groups = [security_group.everybody]

  listener "https" {
    port         = 443
    protocol     = "HTTPS"
    certificates = [certificate.shop]

    default {
      forward = target_group.web
    }
  }
}

load_balancer "api" {
  addresses       = ["203.0.113.20", "2001:db8:2::20"]
  security_groups = [security_group.api]

  listener "https" {
    port         = 443
    protocol     = "HTTPS"
    certificates = [certificate.shop]

    default {
      forward = target_group.products
    }
  }
}

load_balancer "internal" {
  scheme          = "internal"
  addresses       = ["10.0.0.10"]
  security_groups = [security_group.internal]

  listener "http" {
    port = 80

    default {
      forward = target_group.products
    }
  }
}

security_group "everybody" {
  ingress {
    ports = [443]
    from  = [anywhere]
  }
}

security_group "api" {
  ingress {
    ports = [443]
    from  = [network.office]
  }
}

security_group "internal" {
  ingress {
    ports = [80]
    from  = [security_group.web]
  }
}

security_group "web" {
  ingress {
    ports = [3000]
    from  = [security_group.everybody]
  }
}

certificate "shop" {
  development = true
  names       = ["shop.test", "api.shop.test"]
}

instance "web" {
  addresses       = ["10.0.1.5"]
  security_groups = [security_group.web]
}

instance "products" {
  addresses = ["10.0.1.6"]
}

target_group "web" {
  port    = 3000
  targets = [instance.web]

  health_check {
    protocol            = "TCP"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

target_group "products" {
  port    = 8080
  targets = [instance.products]

  health_check {
    protocol            = "TCP"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

record "shop.test" {
  alias = load_balancer.pages
}

record "api.shop.test" {
  alias = load_balancer.api
}

record "api.internal.test" {
  alias = load_balancer.internal
}

expect "the page" {
  url   = "https://shop.test/"
  works = [network.office, network.guest-wifi, network.lte]
}

expect "its first products, which the server asks for" {
  url   = "http://api.internal.test/products?page=1"
  works = [instance.web]
}

expect "its next products, which the browser asks for" {
  url   = "https://api.shop.test/products?page=2"
  works = [network.office, network.guest-wifi, network.lte]
}
