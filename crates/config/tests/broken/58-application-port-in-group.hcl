# expect: line=5 names="port" fix="instance"
target_group "app" {
  targets = ["10.0.1.5:80"]
  application {
    port = 80
  }
}
