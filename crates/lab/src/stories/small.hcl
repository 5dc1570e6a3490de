security_group "edge" {
  ingress {
    ports = [80, 443]
    from  = [anywhere]
  }
}

security_group "app" {
  ingress {
    ports = [8080]
    from  = [security_group.edge]
  }
}

certificate "shop" {
  development = true
  names       = ["shop.example", "www.shop.example"]
}

instance "web" {
  addresses       = ["10.0.1.5"]
  security_groups = [security_group.app]
  serves          = [8080]

  application "app" {
    port    = 8080
    answers = 200
  }
}

target_group "app" {
  targets = ["instance.web:8080"]

  health_check {
    path     = "/"
    interval = "1s"
    timeout  = "1s"
  }
}

load_balancer "edge" {
  addresses       = ["203.0.113.10"]
  security_groups = [security_group.edge]
  connect_timeout = "1s"

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

record "shop.example" {
  alias = load_balancer.edge
}

record "www.shop.example" {
  alias = load_balancer.edge
}
