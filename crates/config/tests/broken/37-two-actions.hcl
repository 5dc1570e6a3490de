# expect: line=12 names="more than one action" fix="keep one"
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
    rule "r" {
      path    = "/x"
      forward = target_group.app
      fixed_response {
        status = 404
      }
    }
    default {
      forward = target_group.app
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
