output "url" {
  description = "Where the API is."
  value       = local.public_url
}

output "images" {
  description = "Where the images are pushed to."
  value       = local.images
}
