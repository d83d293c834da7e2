output "url" {
  description = "Where the API is."
  value       = local.public_url
}

output "images" {
  description = "Where the images are pushed to."
  value       = local.images
}

output "dns_records" {
  description = "Records to create for domain."
  value       = google_cloud_run_domain_mapping.gateway[*].status
}
