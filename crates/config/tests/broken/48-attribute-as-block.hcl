# expect: line=18 names="targets" fix="targets ="
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
target_group "app" {
  targets {
    address = "10.0.1.5"
  }
}
