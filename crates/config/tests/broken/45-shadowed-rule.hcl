# expect: line=17 names="api" fix="below 1" needs=world
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
    rule "all" {
      priority = 1
      path     = "/*"
      forward  = target_group.app
    }
    rule "api" {
      priority = 2
      path     = "/api"
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
