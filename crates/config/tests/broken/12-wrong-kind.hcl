# expect: line=13 names="security_group.web" fix="target_group"
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
      forward = security_group.web
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
