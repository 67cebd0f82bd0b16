"""People, whatever side they show: boxes by NanoDet, outlines by a selfie segmentation."""
