# As pointsman.hcl, with 10,000 rules and 1,000 certificates.
security_group "bench" {
  ingress {
    ports = [@HTTP@, @HTTPS@]
    from  = ["127.0.0.0/8", "10.0.0.0/8"]
  }
}

certificate "bench" {
  chain = "@WORK@/cert.pem"
  key   = "@WORK@/key.pem"
}

@CERTIFICATES@load_balancer "bench" {
  scheme          = "internal"
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.bench]
  idle_timeout    = "600s"
  max_connections = 12000
  access_log      = "@LOG@"

  listener "http" {
    port     = @HTTP@
    protocol = "HTTP"

@RULES@    default {
      forward = target_group.app
    }
  }

  listener "https" {
    port         = @HTTPS@
    protocol     = "HTTPS"
    certificates = [certificate.bench, @CERTIFICATE_NAMES@]

    default {
      forward = target_group.app
    }
  }
}

target_group "app" {
  targets = ["127.0.0.1:@ORIGIN@"]

  health_check {
    path     = "/"
    interval = "10s"
    timeout  = "5s"
  }
}
