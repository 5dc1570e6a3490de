# One configuration, from nothing: a zone, a load balancer, a certificate from an authority, two targets.

dns_server {
  addresses = ["203.0.113.10"]
}

zone "shop.test" {
  name_servers = ["ns1.shop.test"]
  signed       = true

  record "ns1" {
    addresses = ["203.0.113.10"]
  }

  record "@" {
    alias = load_balancer.public
  }

  record "*" {
    alias = load_balancer.public
  }
}

authority "pebble" {
  directory      = "https://198.51.100.30:14000/dir"
  roots          = "authority.pem"
  agree_to_terms = true
}

certificate "shop" {
  names     = ["shop.test", "*.shop.test"]
  authority = authority.pebble
}

load_balancer "public" {
  addresses = ["203.0.113.10"]

  listener "https" {
    port         = 443
    protocol     = "HTTPS"
    certificates = [certificate.shop]

    default {
      forward = target_group.app
    }
  }
}

target_group "app" {
  targets = [instance.one, instance.two]
  port    = 8080

  health_check {
    expect   = "200,203"
    interval = "1s"
    timeout  = "1s"
  }
}

instance "one" {
  addresses = ["10.0.1.1"]
  serves    = [8080]

  application "shop" {
    port    = 8080
    answers = 200
  }
}

instance "two" {
  addresses = ["10.0.1.2"]
  serves    = [8080]

  application "shop" {
    port    = 8080
    answers = 203
  }
}

# Where the authority runs.
instance "authority" {
  addresses = ["198.51.100.30"]
}
