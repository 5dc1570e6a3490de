# expect: line=18 names="TLS13-1-2-Res-2021-60" fix="ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
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
    port         = 443
    protocol     = "HTTPS"
    certificates = [certificate.site]
    tls_policy   = "ELBSecurityPolicy-TLS13-1-2-Res-2021-60"
    default {
      forward = target_group.app
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
