# expect: line=5 names="https://shop.example/" fix="\"https://shop.example\""
target_group "app" {
  targets = ["10.0.1.5:80"]
  application {
    cors = ["https://shop.example/"]
  }
}
