# expect: line=6 names="nginx" fix="answers"
target_group "app" {
  targets = ["10.0.1.5:80"]
  application {
    answers = 200
    nginx   = "nginx.conf"
  }
}
