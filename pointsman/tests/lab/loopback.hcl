network "office" {
  cidrs = ["127.10.0.0/16"]
}

network "guests" {
  cidrs = ["127.20.0.0/16"]
}

load_balancer "local" {
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.web]

  listener "http" {
    port = 8000

    default {
      forward = target_group.app
    }
  }
}

security_group "web" {
  ingress {
    ports = [8000]
    from  = [network.office]
  }
}

target_group "app" {
  targets = ["127.0.0.1:3000"]
}

expect "the office" {
  url    = "http://127.0.0.1:8000/"
  works  = [network.office]
  denied = [network.guests]
}
