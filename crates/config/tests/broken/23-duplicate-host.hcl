# expect: line=15 names="example.com" fix="one site"
security_group "web" {
  ingress {
    ports = [80, 443]
    from  = [anywhere]
  }
}
load_balancer "public" {
  security_groups = [security_group.web]
  site "example.com" {
    default {
      forward = target_group.app
    }
  }
  site "www.example.com" {
    aliases = ["example.com"]
    default {
      forward = target_group.app
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:3000"]
}
