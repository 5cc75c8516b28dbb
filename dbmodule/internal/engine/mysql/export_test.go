package mysql

var (
	ParseGTIDs = parseGTIDs
	AnswerOf   = answerOf
)
