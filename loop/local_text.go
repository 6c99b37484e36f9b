package loop

// Texts of answers that are made here, in Redis' words where Redis has some. Clients match
// on them; TestLocalTexts pins ours, and TestLocalAgreesWithRedis those of Redis.
const (
	textNotInt32     = "ERR value is out of range, value must between -2147483648 and 2147483647"
	textHelloVersion = "ERR Protocol version is not an integer or out of range"
	textClientName   = "ERR Client names cannot contain spaces, newlines or special characters."
	textExcessive    = "ERR huntaway: what the proxy answers itself has at most 1024 arguments and 65536 bytes"
	textLongName     = "ERR huntaway: a client's name, library and version have at most 1024 bytes each"
	textPassBits     = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
	textEventClass   = "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'."
	textClientID     = "ERR Invalid client ID"
	textKillID       = "ERR client-id should be greater than 0"
	textNoClient     = "ERR No such client"
	textUnblock      = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
	textNoCaching    = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"

	textPauseTime = "ERR timeout is not an integer or out of range"
	textPausePast = "ERR timeout is negative"
	textPauseArgs = "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP."
	textPauseMode = "ERR CLIENT PAUSE mode must be WRITE or ALL"

	textWatching   = "ERR huntaway: the database and the protocol cannot be changed while keys are watched; UNWATCH first"
	textNoConfig   = "NOPERM huntaway: CONFIG SET is for the server itself; only notify-keyspace-events is answered here"
	textNoTracking = "ERR CLIENT TRACKING is not supported by this proxy"
	textNoImport   = "ERR CLIENT IMPORT-SOURCE is not supported by this proxy"
)
