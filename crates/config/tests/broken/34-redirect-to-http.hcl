# expect: line=20 names="HTTPS to HTTP" fix="HTTPS"
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
    protocol = "HTTPS"
    certificates = [certificate.site]
    default {
      redirect {
        protocol = "HTTP"
        port     = "80"
      }
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
