# expect: line=14 names="`host`" fix="server_name"
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
      host    = "app.example"
      forward = target_group.app
    }
    default {
      close = true
    }
  }
}
target_group "app" {
  protocol = "TCP"
  targets  = ["10.0.1.5:443"]
}
