# expect: line=2 names="application" fix="instance"
application "shop" {
  port = 80
}
