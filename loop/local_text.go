package loop

// Texts of answers that are made here, in Redis' words where Redis has some. Clients match
// on them; TestLocalTexts pins ours, and TestLocalAgreesWithRedis those of Redis.
const (
	textNotInt32     = "ERR value is out of range, value must between -2147483648 and 2147483647"
	textHelloVersion = "ERR Protocol version is not an integer or out of range"
	textClientName   = "ERR Client names cannot contain spaces, newlines or special characters."
	textLongName     = "ERR huntaway: a client's name, library and version have at most 1024 bytes each"
	textClientID     = "ERR Invalid client ID"
	textKillID       = "ERR client-id should be greater than 0"
	textNoClient     = "ERR No such client"
	textUnblock      = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
	textNoCaching    = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"

	textNoTracking = "ERR CLIENT TRACKING is not supported by this proxy"
	textNoPause    = "ERR CLIENT PAUSE is not supported by this proxy"
	textNoSilence  = "ERR CLIENT REPLY OFF and SKIP are not supported by this proxy; every request is answered"
	textNoImport   = "ERR CLIENT IMPORT-SOURCE is not supported by this proxy"
)
