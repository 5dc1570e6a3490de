network "office" {
  cidrs = ["10.1.0.0/16"]
}

load_balancer "edge" {
  addresses       = ["10.0.0.10"]
  security_groups = [security_group.web]

  listener "doubled" {
    port = 80

    default {
      forward = target_group.doubled
    }
  }

  listener "encrypted" {
    port = 81

    default {
      forward = target_group.encrypted
    }
  }

  listener "gateway" {
    port = 82

    default {
      forward = target_group.gateway
    }
  }

  listener "local" {
    port = 83

    default {
      forward = target_group.local
    }
  }
}

security_group "web" {
  ingress {
    ports = [80, 81, 82, 83]
    from  = [network.office]
  }
}

instance "web" {
  addresses = ["10.0.1.5"]

  application "doubled" {
    port      = 80
    redirects = "https"
  }

  application "encrypted" {
    port     = 443
    protocol = "HTTPS"
    answers  = 418
  }

  application "gateway" {
    port    = 8080
    forward = "127.0.0.1:3000"
  }
}

target_group "doubled" {
  port    = 80
  targets = [instance.web]

  health_check {
    protocol            = "TCP"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

target_group "encrypted" {
  port     = 443
  protocol = "HTTPS"
  targets  = [instance.web]

  health_check {
    protocol            = "TCP"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

target_group "gateway" {
  port    = 8080
  targets = [instance.web]

  health_check {
    protocol            = "TCP"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

target_group "local" {
  targets = ["127.0.0.1:3000"]

  health_check {
    protocol            = "TCP"
    interval            = "1s"
    timeout             = "1s"
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

expect "it redirects" {
  url          = "http://10.0.0.10/a?b"
  works        = [network.office]
  redirects_to = "https://10.0.0.10/a?b"
  status       = "301"
}

expect "the status comes through" {
  url    = "http://10.0.0.10:81/"
  works  = [network.office]
  status = "418"
}

expect "nothing is behind the gateway" {
  url    = "http://10.0.0.10:82/"
  works  = [network.office]
  status = "502"
}

expect "the program's own machine" {
  url   = "http://10.0.0.10:83/"
  works = [network.office]
}
