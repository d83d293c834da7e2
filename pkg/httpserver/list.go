package httpserver

import "github.com/gin-gonic/gin"

// LinkNext sets the Link header (RFC 8288) to the page that token names, of the
// list that is being answered.
func LinkNext(c *gin.Context, token string) {
	query := c.Request.URL.Query()
	query.Set("page_token", token)
	c.Header("Link", "<"+PublicURL(c.Request)+c.Request.URL.Path+"?"+query.Encode()+`>; rel="next"`)
}
