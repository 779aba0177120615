"""Everyday words of languages for which Faker has none of its own, written for this project."""

WORDS = {
    "pt": """a o os as um uma de do da em no na por para com sem que se não sim mais muito pouco hoje ontem amanhã agora depois antes sempre nunca já ainda também só
    comida prato mesa conta pedido entrega loja preço valor desconto cartão dinheiro troco nota recibo reserva quarto noite dia semana mês ano hora minuto casa rua porta
    celular carregador tela bateria senha sapato camisa calça vestido tamanho cor azul branco preto vermelho verde frio quente bom ruim novo velho grande pequeno rápido
    caro barato quero posso preciso gostaria tenho estou está são foi vai fica chegou atrasou quebrou funciona trocar devolver pagar comprar cancelar mudar esperar ligar
    falar ajuda atendente gerente cliente sábado domingo segunda terça obrigado desculpa favor problema dúvida aniversário festa crianças adultos pessoas churrasco arroz
    feijão carne frango peixe salada bolo suco cerveja água café quente fome aberto fechado lugar fila espera sapatos atenciosamente mãe pai vizinho""",
    "hi": """mera meri mere mujhe main hum aap tum yeh woh kya kyun kab kahan kaise kaun kitna kitne hai hain tha thi the hoga hogi ho raha rahi rahe nahi haan ji bhai
    bilkul theek accha bura bahut thoda zyada abhi aaj kal parso subah shaam raat dopahar din hafta mahina saal ghante minute jaldi der pehle baad mein se ko ka ki ke par
    aur ya lekin agar toh phir bhi sirf khana paani chai roti chawal daal sabzi chicken thanda garam teekha meetha order bill paisa paise daam sasta mehenga discount refund
    wapas dena lena karna karo kijiye chahiye milega mila aaya gaya bhejo bhej diya liya rakho dekho suno batao bolo samajh problem dikkat kharab toota naya purana bada chhota
    phone charger screen battery mobile naam pata ghar dukaan gaadi rasta joote kapde rang laal neela kala safed hara jagah log logon table kamra ticket shaniwar itwar somvar
    mangal budh guru shukra madad dhanyavaad shukriya maaf namaste padosi maa papa didi behen beta beti dost intezaar khatam shuru band khula baat""",
    "vi": """tôi em anh chị bạn mình chúng ta này kia đó gì sao nào đâu khi nào bao nhiêu là có không được chưa rồi đã đang sẽ và hay hoặc nhưng nếu thì mà của cho với từ đến ở
    trong ngoài trên dưới hôm nay qua mai sáng trưa chiều tối ngày tuần tháng năm giờ phút nhanh chậm sớm muộn đồ ăn món cơm phở bún canh rau thịt cá gà nước cà phê trà nóng nguội
    lạnh ngon dở mặn ngọt cay bàn ghế phòng cửa hàng quán nhà đường đơn giá tiền rẻ đắt giảm hoàn trả đổi mua bán thanh toán thẻ hóa giao nhận gửi gọi nhắn hỏi trả lời giúp cảm ơn xin
    lỗi vâng dạ ạ nhé hỏng mới cũ lớn nhỏ dài ngắn đỏ xanh trắng đen vàng điện thoại sạc pin màn hình giày áo quần túi thứ bảy chủ nhật hai ba tư năm sáu người khách nhân viên quản lý""",
    "id": """saya aku kamu anda kami kita dia mereka ini itu apa kenapa kapan mana bagaimana siapa berapa adalah ada tidak bukan sudah belum sedang akan bisa mau harus boleh dan atau
    tapi kalau karena untuk dengan dari ke di pada hari ini kemarin besok pagi siang sore malam minggu bulan tahun jam menit cepat lambat makanan nasi ayam ikan sayur air kopi teh panas
    dingin enak pedas manis meja kursi kamar toko rumah jalan pesanan harga murah mahal diskon uang kartu bayar beli tukar kembali kirim terima telepon tanya jawab bantu tolong maaf
    rusak baru lama besar kecil merah biru putih hitam hijau sepatu baju layar baterai pengisi tetangga ibu bapak anak orang tamu pelayan sabtu senin selasa rabu kamis jumat""",
    "tr": """ben sen o biz siz bu şu ne neden niçin nerede nasıl kim kaç var yok evet hayır değil ve veya ama için ile gibi daha çok az bugün dün yarın sabah öğle akşam gece gün hafta ay
    yıl saat dakika hızlı yavaş yemek pilav tavuk balık et salata su kahve çay sıcak soğuk güzel kötü masa sandalye oda dükkan ev sokak kapı sipariş fiyat ucuz pahalı indirim para kart
    ödeme almak vermek değiştirmek iade göndermek aramak sormak yardım lütfen üzgünüm bozuk yeni eski büyük küçük kırmızı mavi beyaz siyah yeşil ayakkabı gömlek ekran pil şarj komşu anne
    baba çocuk kişi müşteri garson cumartesi pazar pazartesi salı çarşamba perşembe cuma""",
    "sv": """jag du han hon vi ni de den det en ett och eller men om för med från till på i under över idag igår imorgon morgon kväll natt dag vecka månad år timme minut snabbt sent mat
    ris kyckling fisk kött sallad vatten kaffe te varm kall god dålig bord stol rum butik hus gata dörr beställning pris billig dyr rabatt pengar kort betala köpa byta lämna tillbaka skicka
    ringa fråga hjälp tack förlåt trasig ny gammal stor liten röd blå vit svart grön skor skjorta skärm batteri laddare granne mamma pappa barn person kund lördag söndag måndag""",
}
# Faker's places that have words of their own language
WITH_WORDS = ("es_ES", "de_DE", "fr_FR", "it_IT", "nl_NL", "pl_PL", "fil_PH", "cs_CZ", "da_DK")
