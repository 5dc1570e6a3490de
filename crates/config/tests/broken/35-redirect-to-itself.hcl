# expect: line=13 names="redirects to where" fix="change"
security_group "web" {
  ingress {
    ports = [80, 443]
    from  = [anywhere]
  }
}
load_balancer "public" {
  security_groups = [security_group.web]
  listener "http" {
    port = 80
    default {
      redirect {
        status = 302
      }
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
