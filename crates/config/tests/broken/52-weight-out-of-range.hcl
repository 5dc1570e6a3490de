# expect: line=16 names="weight" fix="999"
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
      forward {
        group {
          target = target_group.app
          weight = 1000
        }
      }
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
