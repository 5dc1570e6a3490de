# expect: line=6 names="301" fix="redirects = \"https\""
instance "web" {
  addresses = ["10.0.1.5"]
  application "shop" {
    port    = 80
    answers = 301
  }
}
