# expect: line=14 names="hots" fix="#{host}"
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
        host = "www.#{hots}"
      }
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
