# expect: line=5 names="trust_forwarded_proto" fix="trusts_forwarded_proto"
target_group "app" {
  targets = ["10.0.1.5:80"]
  application {
    trust_forwarded_proto = true
  }
}
