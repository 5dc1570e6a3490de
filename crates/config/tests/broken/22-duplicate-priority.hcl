# expect: line=17 names="priority 10" fix="11"
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
    rule "a" {
      priority = 10
      path     = "/a"
      forward  = target_group.app
    }
    rule "b" {
      priority = 10
      path     = "/b"
      forward  = target_group.app
    }
    default {
      forward = target_group.app
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
