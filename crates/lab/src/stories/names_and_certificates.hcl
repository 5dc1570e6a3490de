network "office" {
  cidrs   = ["10.1.0.0/16"]
  seen_as = ["198.51.100.20"]
}

network "offices" {
  cidrs = ["10.0.0.0/8"]
}

security_group "edge" {
  ingress {
    ports = [80, 443]
    from  = [network.office]
  }
}

dns_server {
  addresses = ["203.0.113.10"]
  port      = 53
}

zone "shop.example" {
  name_servers = ["ns1.shop.example"]

  record "ns1" {
    addresses = ["203.0.113.10"]
  }

  record "@" {
    alias = load_balancer.edge
  }

  record "www" {
    alias = load_balancer.edge
  }
}

certificate "shop" {
  names       = ["shop.example"]
  development = true
}

instance "web" {
  addresses = ["10.0.1.5"]
  serves    = [8080]

  application "app" {
    port    = 8080
    answers = 200
  }
}

instance "authority" {
  addresses = ["198.51.100.30"]
  serves    = [14000, 15000]
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

expect "the shop is for the office" {
  url    = "https://shop.example/"
  works  = [network.office]
  denied = [internet]
}
