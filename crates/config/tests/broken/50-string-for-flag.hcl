# expect: line=10 names="drop_invalid_header_fields" fix="true"
security_group "web" {
  ingress {
    ports = [80, 443]
    from  = [anywhere]
  }
}
load_balancer "public" {
  security_groups = [security_group.web]
  drop_invalid_header_fields = "yes"
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
