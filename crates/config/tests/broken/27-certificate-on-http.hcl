# expect: line=16 names="certificates" fix="HTTPS"
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
  listener "http" {
    port = 80
    certificates = [certificate.site]
    default {
      forward = target_group.app
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
