# expect: line=6 names="8080" fix="serves"
instance "web" {
  addresses = ["10.0.1.5"]
  serves    = [22, 80]
  application "shop" {
    port = 8080
  }
}
