# What is measured: a security group, 20 rules on two listeners, health checks, an access log.
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

load_balancer "bench" {
  scheme          = "internal"
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.bench]
  idle_timeout    = "600s"
  max_connections = 12000
  access_log      = "@LOG@"

  listener "http" {
    port     = @HTTP@
    protocol = "HTTP"

    rule "r01" {
      path    = "/r01/*"
      forward = target_group.app
    }

    rule "r02" {
      path    = "/r02/*"
      forward = target_group.app
    }

    rule "r03" {
      path    = "/r03/*"
      forward = target_group.app
    }

    rule "r04" {
      path    = "/r04/*"
      forward = target_group.app
    }

    rule "r05" {
      path    = "/r05/*"
      forward = target_group.app
    }

    rule "r06" {
      path    = "/r06/*"
      forward = target_group.app
    }

    rule "r07" {
      path    = "/r07/*"
      forward = target_group.app
    }

    rule "r08" {
      path    = "/r08/*"
      forward = target_group.app
    }

    rule "r09" {
      path    = "/r09/*"
      forward = target_group.app
    }

    rule "r10" {
      path    = "/r10/*"
      forward = target_group.app
    }

    rule "r11" {
      path    = "/r11/*"
      forward = target_group.app
    }

    rule "r12" {
      path    = "/r12/*"
      forward = target_group.app
    }

    rule "r13" {
      path    = "/r13/*"
      forward = target_group.app
    }

    rule "r14" {
      path    = "/r14/*"
      forward = target_group.app
    }

    rule "r15" {
      path    = "/r15/*"
      forward = target_group.app
    }

    rule "r16" {
      path    = "/r16/*"
      forward = target_group.app
    }

    rule "r17" {
      path    = "/r17/*"
      forward = target_group.app
    }

    rule "r18" {
      path    = "/r18/*"
      forward = target_group.app
    }

    rule "r19" {
      path    = "/r19/*"
      forward = target_group.app
    }

    rule "r20" {
      path    = "/r20/*"
      forward = target_group.app
    }

    default {
      forward = target_group.app
    }
  }

  listener "https" {
    port     = @HTTPS@
    protocol = "HTTPS"
    certificates = [certificate.bench]

    rule "r01" {
      path    = "/r01/*"
      forward = target_group.app
    }

    rule "r02" {
      path    = "/r02/*"
      forward = target_group.app
    }

    rule "r03" {
      path    = "/r03/*"
      forward = target_group.app
    }

    rule "r04" {
      path    = "/r04/*"
      forward = target_group.app
    }

    rule "r05" {
      path    = "/r05/*"
      forward = target_group.app
    }

    rule "r06" {
      path    = "/r06/*"
      forward = target_group.app
    }

    rule "r07" {
      path    = "/r07/*"
      forward = target_group.app
    }

    rule "r08" {
      path    = "/r08/*"
      forward = target_group.app
    }

    rule "r09" {
      path    = "/r09/*"
      forward = target_group.app
    }

    rule "r10" {
      path    = "/r10/*"
      forward = target_group.app
    }

    rule "r11" {
      path    = "/r11/*"
      forward = target_group.app
    }

    rule "r12" {
      path    = "/r12/*"
      forward = target_group.app
    }

    rule "r13" {
      path    = "/r13/*"
      forward = target_group.app
    }

    rule "r14" {
      path    = "/r14/*"
      forward = target_group.app
    }

    rule "r15" {
      path    = "/r15/*"
      forward = target_group.app
    }

    rule "r16" {
      path    = "/r16/*"
      forward = target_group.app
    }

    rule "r17" {
      path    = "/r17/*"
      forward = target_group.app
    }

    rule "r18" {
      path    = "/r18/*"
      forward = target_group.app
    }

    rule "r19" {
      path    = "/r19/*"
      forward = target_group.app
    }

    rule "r20" {
      path    = "/r20/*"
      forward = target_group.app
    }

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
