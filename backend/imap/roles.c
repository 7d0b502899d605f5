#include "backend/imap/roles.h"

#include "base/text.h"

/* Names that Outlook, Thunderbird, Apple Mail, Roundcube and the big providers make, in the languages that they come
 * in. ASCII letters are compared without regard to case; the others are written as the programs do. */
static const struct {
	enum backend_role role;
	const char *names[48];
} known[] = {
	{ ROLE_SENT, {
		"Sent", "Sent Items", "Sent Messages", "Sent Mail", "Gesendet", "Gesendete Objekte",
		"Gesendete Elemente", "Gesendete Nachrichten", "Envoyés", "Éléments envoyés", "Messages envoyés",
		"Enviados", "Elementos enviados", "Mensajes enviados", "Itens enviados", "Itens Enviados",
		"Posta inviata", "Inviati", "Inviata", "Verzonden", "Verzonden items", "Verzonden berichten",
		"Skickat", "Skickade objekt", "Sendt", "Sendte elementer", "Sendt post", "Lähetetyt", "Wysłane",
		"Elementy wysłane", "Odeslané", "Odeslaná pošta", "Odoslané", "Elküldött", "Elküldött elemek", "Отправленные",
		"Надіслані", "Gönderilmiş Öğeler", "送信済みアイテム", "已发送", "已发送邮件" } },
	{ ROLE_DRAFTS, {
		"Drafts", "Draft", "Entwürfe", "Entwurf", "Brouillons", "Borradores", "Rascunhos", "Bozze",
		"Concepten", "Utkast", "Kladder", "Kladde", "Kladd", "Luonnokset", "Wersje robocze", "Szkice", "Koncepty",
		"Rozepsané", "Piszkozatok", "Черновики", "Чернетки", "Taslaklar", "下書き", "草稿", "草稿箱" } },
	{ ROLE_TRASH, {
		"Trash", "Deleted Items", "Deleted Messages", "Deleted", "Bin", "Papierkorb", "Gelöschte Objekte",
		"Gelöschte Elemente", "Gelöscht", "Corbeille", "Éléments supprimés", "Papelera",
		"Elementos eliminados", "Lixeira", "Itens excluídos", "Itens Eliminados", "Cestino", "Posta eliminata", "Prullenbak",
		"Verwijderde items", "Papperskorgen", "Papirkurv", "Slettet post", "Slettede elementer", "Borttaget", "Borttagna objekt",
		"Roskakori", "Poistetut", "Kosz", "Elementy usunięte", "Koš", "Odstraněná pošta", "Kôš", "Kuka",
		"Törölt elemek", "Корзина", "Удаленные", "Кошик", "Çöp Kutusu", "ごみ箱", "削除済みアイテム", "已删除",
		"已删除邮件" } },
	{ ROLE_JUNK, {
		"Junk", "Junk E-mail", "Junk E-Mail", "Junk Email", "Junk Mail", "Spam", "Bulk Mail", "Spamverdacht",
		"Junk-E-Mail", "Werbung", "Indésirables", "Courrier indésirable", "Pourriel", "Correo no deseado",
		"Lixo eletrônico", "Posta indesiderata", "Ongewenste e-mail", "Ongewenst", "Skräppost", "Søppelpost",
		"Uønsket e-post", "Roskaposti", "Niechciane", "Wiadomości-śmieci", "Nevyžádaná pošta", "Levélszemét",
		"Спам", "迷惑メール", "垃圾邮件" } },
	{ ROLE_ARCHIVE, {
		"Archive", "Archives", "Archiv", "Archivo", "Arquivo", "Archivio", "Archief", "Arkiv", "Arkisto",
		"Archiwum", "Архив", "Архів" } },
};

enum backend_role
imap_role_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		for (size_t j = 0; j < ARRAY_LEN(known[i].names) && known[i].names[j]; j++) {
			if (text_casecmp(name, known[i].names[j]) == 0)
				return known[i].role;
		}
	}
	return ROLE_NONE;
}

enum backend_role
imap_role_by_attr(unsigned attrs)
{
	return attrs & ATTR_SENT ? ROLE_SENT :
		attrs & ATTR_DRAFTS ? ROLE_DRAFTS :
		attrs & ATTR_TRASH ? ROLE_TRASH :
		attrs & ATTR_JUNK ? ROLE_JUNK :
		attrs & ATTR_ARCHIVE ? ROLE_ARCHIVE : ROLE_NONE;
}
