# expect: line=17 names="target_gruop" fix="target_group"
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
      forward = target_group.app
    }
  }
}
target_gruop "app" {
  targets = ["10.0.1.5:3000"]
}
