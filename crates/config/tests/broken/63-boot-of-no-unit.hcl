# expect: line=5 names="unit" fix="unit = "
target_group "app" {
  targets = ["10.0.1.5:80"]
  application {
    starts_at_boot = true
  }
}
