# expect: line=9 names="nftables" fix="remove"
security_group "web" {
  ingress {
    ports = [80, 443]
    from  = [anywhere]
  }
}

load_balancer "public" {
  security_groups = [security_group.web]
  enforce         = "nftables"
  deny            = "reset"

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
