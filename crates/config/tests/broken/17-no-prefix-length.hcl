# expect: line=5 names="10.0.1.5" fix="10.0.1.5/32"
security_group "web" {
  ingress {
    ports = [80, 443]
    from  = ["10.0.1.5"]
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
  targets = ["10.0.1.5:3000"]
}
