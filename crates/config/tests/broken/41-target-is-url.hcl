# expect: line=18 names="http://10.0.1.5:3000/" fix="\"10.0.1.5:3000\""
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
  targets = ["http://10.0.1.5:3000/"]
}
