# expect: line=8 names="needs a name" fix="load_balancer \"name\" {"
security_group "web" {
  ingress {
    ports = [80, 443]
    from  = [anywhere]
  }
}
load_balancer {
  security_groups = [security_group.web]
  listener "http" {
    port = 80
    default {
      forward = target_group.app
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
