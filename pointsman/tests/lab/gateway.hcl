load_balancer "shop" {
  addresses       = ["203.0.113.10"]
  security_groups = [security_group.shop]

  listener "https" {
    port         = 443
    protocol     = "HTTPS"
    certificates = [certificate.shop]

    default {
      forward = target_group.front
    }
  }

  listener "http" {
    port = 80

    default {
      redirect {
        protocol = "HTTPS"
        port     = "443"
      }
    }
  }
}

security_group "shop" {
  ingress {
    ports = [80, 443]
    from  = [anywhere]
  }
}

security_group "front" {
  ingress {
    ports = [80, 443]
    from  = [security_group.shop]
  }
}

certificate "shop" {
  development = true
  names       = ["shop.test"]
}

instance "front" {
  addresses        = ["10.0.1.5"]
  public_addresses = ["203.0.113.30"]
  security_groups  = [security_group.front]
  serves           = [80]

  application "nginx" {
    port  = 80
    nginx = "front.conf"
  }
}

target_group "front" {
  port    = 80
  targets = [instance.front]

  health_check {
    protocol            = "TCP"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

record "shop.test" {
  alias = load_balancer.shop
}

expect "the shop" {
  url   = "http://shop.test/"
  works = [internet]
}
