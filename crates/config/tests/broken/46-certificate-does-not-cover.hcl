# expect: line=18 names="www.example.org" fix="add a certificate" needs=world
security_group "web" {
  ingress {
    ports = [80, 443]
    from  = [anywhere]
  }
}
certificate "site" {
  development = true
  names       = ["example.com"]
}
load_balancer "public" {
  security_groups = [security_group.web]
  listener "https" {
    port = 443
    protocol     = "HTTPS"
    certificates = [certificate.site]
    rule "r" {
      host    = "www.example.org"
      forward = target_group.app
    }
    default {
      forward = target_group.app
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
