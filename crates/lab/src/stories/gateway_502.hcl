security_group "web" {
  ingress {
    ports = [80, 443]
    from  = [security_group.shop]
  }
}

security_group "shop" {
  ingress {
    ports = [80, 443]
    from  = [anywhere]
  }
}

certificate "shop" {
  development = true
  names       = ["shop.example"]
}

instance "web" {
  addresses        = ["10.0.1.5"]
  public_addresses = ["203.0.113.30"]
  security_groups  = [security_group.web]
  serves           = [80, 3000]

  application "front" {
    port    = 80
    forward = "127.0.0.1:3000"
  }

  application "app" {
    port           = 3000
    answers        = 200
    unit           = "app.service"
    starts_at_boot = false
  }
}

target_group "front" {
  targets = ["instance.web:80"]

  health_check {
    expect              = "200-399"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

load_balancer "shop" {
  addresses       = ["203.0.113.10"]
  security_groups = [security_group.shop]

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
      forward = target_group.front
    }
  }
}

record "shop.example" {
  alias = load_balancer.shop
}
