# expect: line=13 names="target_group.app is asked over http" fix="protocol = \"TCP\""
security_group "web" {
  ingress {
    ports = [443]
    from  = [anywhere]
  }
}
load_balancer "public" {
  security_groups = [security_group.web]
  listener "tls" {
    port = 443
    protocol = "TLS_PASSTHROUGH"
    rule "app" {
      server_name = "app.example"
      forward     = target_group.app
    }
    default {
      close = true
    }
  }
}
target_group "app" {
  targets = ["10.0.1.5:443"]
}
