# expect: line=5 names="gone.conf" fix="relative"
target_group "app" {
  targets = ["10.0.1.5:80"]
  application {
    nginx = "gone.conf"
  }
}
