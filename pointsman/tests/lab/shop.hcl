network "office" {
  cidrs = ["10.1.0.0/16", "2001:db8:1::/64"]
}

network "guest-wifi" {
  cidrs   = ["192.168.50.0/24"]
  seen_as = ["198.51.100.20/32"]
}

load_balancer "shop" {
  addresses        = ["10.0.0.10", "2001:db8:2::10"]
  public_addresses = ["203.0.113.10"]
  scheme           = "internet-facing"
  security_groups  = [security_group.web]

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

    default {
      forward = target_group.app
    }
  }
}

security_group "web" {
  ingress {
    ports = [80, 443]
    from  = [network.office, "198.51.100.99/32"]
  }
}

security_group "app" {
  ingress {
    ports = [8080]
    from  = [security_group.web]
  }
}

certificate "shop" {
  development = true
  names       = ["shop.test"]
}

instance "web" {
  addresses       = ["10.0.1.5"]
  security_groups = [security_group.app]
}

target_group "app" {
  port    = 8080
  targets = [instance.web]

  health_check {
    interval            = "5s"
    timeout             = "2s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

record "shop.test" {
  alias = load_balancer.shop
}

record "shop.test" {
  addresses  = ["10.0.0.10", "2001:db8:2::10"]
  visible_to = [network.office]
}

expect "the shop is for the office" {
  url    = "https://shop.test/products"
  works  = [network.office]
  denied = [network.guest-wifi]
}

expect "http leads to https" {
  url          = "http://shop.test/products"
  works        = [network.office]
  redirects_to = "https://shop.test/products"
}

expect "nobody goes round the load balancer" {
  url    = "http://10.0.1.5:8080/"
  denied = [network.office]
}
